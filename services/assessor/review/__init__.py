"""Requests for ground truth: the queue of reviewers, and answers that are shown red to get a label."""
