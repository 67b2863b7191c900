"""`paper`: a model follows bars as they close, and an account on paper is kept of it. Nothing here can send an order."""
