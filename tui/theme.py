"""Our colours, for dark and light backgrounds; with ANSI the terminal's own."""

from textual.theme import Theme

DARK = Theme(
    name="triage-dark",
    primary="#7aa2f7",
    secondary="#7dcfff",
    accent="#bb9af7",
    warning="#e0af68",
    error="#f7768e",
    success="#9ece6a",
    foreground="#d5daf0",
    background="#16161e",
    surface="#1a1b26",
    panel="#24283b",
    dark=True,
    variables={
        "quiet": "#8b92b3",
        "chosen": "#2a3050",
        "border": "#7aa2f7",
        "border-blurred": "#3b4261",
        "footer-key-foreground": "#7aa2f7",
    },
)
LIGHT = Theme(
    name="triage-light",
    primary="#2457c5",
    secondary="#0b7285",
    accent="#7b3fc4",
    warning="#8a5a00",
    error="#b3183a",
    success="#2c6e1f",
    foreground="#1d2130",
    background="#fafaf7",
    surface="#f2f2ee",
    panel="#e3e5ea",
    dark=False,
    variables={
        "quiet": "#5c6270",
        "chosen": "#d5e0fa",
        "border": "#2457c5",
        "border-blurred": "#b4b9c6",
        "footer-key-foreground": "#2457c5",
    },
)
THEMES = (DARK, LIGHT)
NAMES = {"dark": DARK.name, "light": LIGHT.name, "ansi": "ansi-dark", "ansi-light": "ansi-light"}
"""What a person calls a theme, and its name in Textual."""
DEFAULTS = {"quiet": "ansi_bright_black", "chosen": "ansi_default"}
"""Our own variables in themes that do not set them: there the mark alone shows the cursor."""
