"""The catalog: titles with their flashcards and quizzes, read a hundred times for each write.

Whole items, and the flashcards and quizzes of a title, come from the cache as the bytes that are
answered; pages come from the database. It has no users of its own: it listens on the loopback,
behind the gateway, whose ``X-User`` and ``X-Tier`` it takes as they are.
"""
