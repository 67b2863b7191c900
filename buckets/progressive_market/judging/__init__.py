"""How policies are judged: performance, baselines, degenerate policies, and the verdict."""
