"""The leak check: columns and features that contain later data."""
