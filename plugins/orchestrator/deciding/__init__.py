"""Who is asked, and what follows from an answer or a failure: arithmetic, nothing is done."""
