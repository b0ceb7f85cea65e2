"""The page /plan: the answer of `signalbox plan --html` behind a form. Imported only if `plan_enabled` is set."""
