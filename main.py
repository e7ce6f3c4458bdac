from webhook_ui.cli import main

main()
