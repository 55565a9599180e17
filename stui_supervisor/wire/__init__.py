"""The two dialects of STUI, with their limits on size and depth."""
