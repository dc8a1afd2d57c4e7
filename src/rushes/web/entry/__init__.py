"""Who comes in: the gate, sessions, identity headers, and the pages to sign in and of accounts."""
