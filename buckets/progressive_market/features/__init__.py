"""The features of the bars: averages of raw ones, those of plugins, and their scale."""
