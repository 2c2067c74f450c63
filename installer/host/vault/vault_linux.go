package vault

var system = keeper{primary: ownerFile{}, holders: []holder{credential{}, ownerFile{}}, keys: "/etc/shangu/keys"}
