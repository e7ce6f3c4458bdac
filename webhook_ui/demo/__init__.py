"""`demo`: an installation for one evening, with people, webhooks, receivers and a past. Nothing of it is kept."""
