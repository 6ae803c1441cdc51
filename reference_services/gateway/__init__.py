"""The one door of the platform: who are you, may you now, which replica, and what came of it.

A request is authenticated, counted against its user's limit, and passed through to a replica of the
service that its path names. The decisions are ``policies``; this package drives them.

What every request pays for is written against ASGI and the wire itself (ARCHITECTURE.md has what
that saves); everything else is FastAPI.
"""
