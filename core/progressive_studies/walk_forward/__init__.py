"""Walk-forward: a bucket is trained again and again in the order of time, and measured on bars that no fold has seen."""
