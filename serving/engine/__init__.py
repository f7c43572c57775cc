"""What answers people: `python -m serving.engine`, an OpenAI-compatible model server; no Django."""
