"""kvcore for Flask: an extension that gives an app its named stores."""
