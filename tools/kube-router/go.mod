module signalbox.dev/tools/kube-router

go 1.26
