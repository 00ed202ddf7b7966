"""Rasa components: the turn channel with its tracker store, and the words' names. Imports rasa only."""
