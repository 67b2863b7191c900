"""What everything is built on: records, protocols, hook specifications, kinds of settings, errors."""
