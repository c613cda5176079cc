"""Other people's separators behind the plug-in contract."""
