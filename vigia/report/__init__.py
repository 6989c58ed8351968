"""One HTML page about a run: pictures of the base, each with a sentence that says what it shows and what to do."""
