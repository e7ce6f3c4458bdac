"""`python -m webhook_ui` is `webhook-ui`."""

from webhook_ui.cli import main

main()
