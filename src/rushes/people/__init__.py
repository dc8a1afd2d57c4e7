"""Who may come in: accounts, their passwords and tokens; plain Python over the ports."""
