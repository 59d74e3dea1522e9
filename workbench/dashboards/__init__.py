"""The Voila application that managers open."""
