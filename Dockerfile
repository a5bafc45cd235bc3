# Builds the standalone server, then keeps nothing but it: Node, 40 MB of server, no npm packages beside it.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:22-bookworm-slim
WORKDIR /app
COPY --from=build /src/.next/standalone ./
# Any uid may run it, the file system may be read-only: with a BASE_PATH a copy of the build goes to TMPDIR.
ENV NODE_ENV=production TMPDIR=/tmp PORT=3000
EXPOSE 3000
USER 65532:65532
CMD ["node", "main.mjs"]
