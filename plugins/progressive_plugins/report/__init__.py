"""The report of a run: what is known of it, as a document, a page and a picture."""

from progressive_plugins.report.observer import report as report
