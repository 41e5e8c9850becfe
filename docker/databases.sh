#!/bin/bash
# Run once by PostgreSQL's image, when its volume is new: the two databases and their owners.
set -euo pipefail

make_database() {  # name, locale
    local password
    password=$(cat "${SECRETS:-/run/secrets}/$1_password")
    psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 \
        --set name="$1" --set password="$password" --set locale="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0 ENCODING 'UTF8'
    LC_COLLATE :'locale' LC_CTYPE :'locale';
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database synapse C        # Synapse refuses any other
make_database daftar C.UTF-8   # knows Urdu letters as letters, and sorts by code point
