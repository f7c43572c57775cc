"""What needs compiled code or a model: numbers in, numbers out. No Django, no queue, no database."""
