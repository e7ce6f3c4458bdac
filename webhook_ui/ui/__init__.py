"""The dashboard: pages for people. Shows what lies below and calls its verbs; decides and stores nothing."""
