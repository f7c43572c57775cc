"""How a model is scored: `python -m evaluation.engine JOB.json`; torch only, files in and files out."""
