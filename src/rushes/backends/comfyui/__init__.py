"""ComfyUI: `backend` speaks, `workflow` fills in, `answers` and `progress` understand."""
