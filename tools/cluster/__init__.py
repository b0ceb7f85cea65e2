"""A real Kubernetes of one node, with KServe, inside namespaces of its own: see docs/guides/cluster-tests.md.

`python -m tools.cluster up`, `… down`, `… exec -- kubectl get pods --all-namespaces`.
"""
