"""Watch job: labels and alarms since a certificate was issued suspend, restore or revoke it."""
