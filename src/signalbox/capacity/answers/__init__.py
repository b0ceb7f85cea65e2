"""Answers over many machines or models: offers for one model, rankings, and the page that shows them."""
