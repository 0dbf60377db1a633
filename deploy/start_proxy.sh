#!/bin/sh
# Starts the proxy: with a certificate and passwords, or for this machine only.
set -eu
address=${PROXY_ADDRESS:-127.0.0.1}
certificate=/etc/nginx/off-platform/server.crt

refuse() {
    echo "The proxy does not start at $address: $1" >&2
    exit 1
}

if [ "$address" != 127.0.0.1 ]; then
    [ -e "$certificate" ] || refuse "deploy/proxy has no server.crt; without PROXY_ADDRESS, it serves this machine only."
    [ -n "${POSTGRES_PASSWORD_IS_SET:-}" ] || refuse "POSTGRES_PASSWORD is not set in deploy/secrets.env."
fi
if [ -e "$certificate" ]; then
    configuration=/etc/nginx/nginx.conf
else
    configuration=/etc/nginx/this_machine.conf
    echo "deploy/proxy has no server.crt: the UI is at http://127.0.0.1:8443, without passwords, from this machine only."
fi
exec nginx -c "$configuration" -g "daemon off;"
