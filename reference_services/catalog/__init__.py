"""The catalog: titles with their flashcards and quizzes, read a hundred times for each write.

Whole items, and the flashcards and quizzes of a title, come from the cache as the bytes that are
answered; pages come from the database. It knows no users: it listens on the loopback, behind the
gateway, which has let in whoever comes here.
"""
