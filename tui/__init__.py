"""The full-screen app, a second front end beside the headless command, on the same journal."""
