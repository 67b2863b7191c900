"""`challenge`: how the strategies of a finished run break, on its files alone."""
