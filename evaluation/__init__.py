"""How well the trained model understands, on sets written apart from its examples. Runs where rasa is."""
