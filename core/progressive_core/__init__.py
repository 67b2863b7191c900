"""The core: it composes buckets, transfer strategies and policies, and knows none of them."""
