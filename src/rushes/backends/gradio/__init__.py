"""Gradio apps, Hugging Face Spaces among them: `backend` speaks, the others know what it says."""
