"""What pages say, in each language: states, troubles, times, sizes, prices. Pure functions."""
