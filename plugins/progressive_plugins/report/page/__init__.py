"""The page of the report: one HTML file that needs nothing else, with its charts' data and their library inside."""

from progressive_plugins.report.page.html_page import page_of as page_of
