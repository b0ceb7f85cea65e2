"""A real Kubernetes of one node, with KServe, inside namespaces of its own: see docs/how-to/cluster-tests.md.

`python -m tools.cluster up`, `… down`, `… exec -- kubectl get pods --all-namespaces`.
"""
