"""Where jobs and clips are kept: one file is one place to keep things."""
