"""The catalogue of models: `entries` are its rows, `places` is where they are here, `pull` downloads them."""
