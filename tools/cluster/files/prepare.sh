#!/bin/sh
# Runs first inside the new namespaces: private mounts and a network without an uplink. Nothing of it is seen outside.
set -eu
cd "$WORK"

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /var/lib/cni /var/log cni log kubelet settings
mount --bind cni /var/lib/cni
mount --bind log /var/log
# Volumes of pods are mounted below it, and containers must see mounts that are made after their start.
mount --bind kubelet kubelet
mount --make-rshared kubelet
echo "nameserver $ADDRESS" > resolv.conf
mount --bind resolv.conf "$(readlink -f /etc/resolv.conf)"
echo "127.0.0.1 localhost $NODE" > hosts
mount --bind hosts /etc/hosts

# The kubelet insists on settings that hold for the whole machine. It reads them here and finds them as it wants them.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=settings/$(echo "${setting%%=*}" | tr / _)
  echo "${setting#*=}" > "$file"
  mount --bind "$file" "/proc/sys/${setting%%=*}"
done
# It also follows the kernel's log. Where a machine has none, an empty one does.
[ -e /dev/kmsg ] || { mount -t tmpfs tmpfs /mnt; mkfifo /mnt/kmsg; : > /dev/kmsg; mount --bind /mnt/kmsg /dev/kmsg; }

hostname "$NODE"
# The other end of the node's cable is a network namespace that stands for the world: a router, and on its loopback an
# address that no pod and no node has. Nothing listens there until a test starts it.
ip netns add outside
ip link set lo up
ip link add eth0 type veth peer name eth0 netns outside
ip addr add "$ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$ROUTER"
ip -n outside link set lo up
ip -n outside addr add "$OUTSIDE/32" dev lo
ip -n outside addr add "$ROUTER/24" dev eth0
ip -n outside link set eth0 up
ip -n outside route add default via "$ADDRESS"
sysctl -qw net.ipv4.ip_forward=1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
