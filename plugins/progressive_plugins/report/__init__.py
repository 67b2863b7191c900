"""The report of a run: what is known of it, as a document, a page and a picture."""
