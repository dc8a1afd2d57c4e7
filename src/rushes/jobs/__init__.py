"""The workflow: what becomes of a prompt. Plain Python that knows the domain and the ports."""
