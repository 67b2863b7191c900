"""What a judged strategy did, bar by bar and trade by trade, kept beside the run's models for reports and for users."""
